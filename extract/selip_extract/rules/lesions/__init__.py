"""What is said of a lesion beside its signals: form, number, noun, margin and size."""
