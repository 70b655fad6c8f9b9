"""The head before any lesion: the template's anatomy, a subject's shape, tissue intensities, regions of the sites."""
