"""The small process that starts and watches everything else; it never imports Ray."""
