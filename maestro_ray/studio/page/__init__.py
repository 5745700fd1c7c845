"""Studio's own web page: rendered here, live through the WebSocket, readable without JavaScript."""
