"""What runs a language model: transformers, vLLM, a server."""
