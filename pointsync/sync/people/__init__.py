"""What sites tell each other about people."""
