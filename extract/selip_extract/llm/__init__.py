"""The language model's side: tasks, grammars, answer forms, model files, adapters."""
