"""Front ends: what turns something a user has into calls."""
