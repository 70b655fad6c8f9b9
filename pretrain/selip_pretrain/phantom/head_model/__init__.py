"""The head of the phantom: anatomy, tissues, regions of the sites, one subject's shape."""
