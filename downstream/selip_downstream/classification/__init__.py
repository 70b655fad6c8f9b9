"""Labels from embeddings: probes, neighbours, finetuning, zero-shot."""
