"""`ivr simulate`: a dialplan in the terminal, the same steps as on the telephone, in time that jumps."""
