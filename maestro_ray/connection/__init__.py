"""The client side of Studio: HTTP, WebSocket, tokens."""
