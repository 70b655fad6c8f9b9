"""How the steps of a reproduction run: cached, resumable, in parallel."""
