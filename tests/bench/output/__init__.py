"""What benchmarks print: figures, their rounds, and how people and programs get them."""
