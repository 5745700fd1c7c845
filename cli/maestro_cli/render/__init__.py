"""What people see: text from values."""
