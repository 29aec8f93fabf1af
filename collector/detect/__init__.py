"""What is a secret? By its place (`marks`), its name (`names`) and its form (`forms`). Pure."""
