"""DICOM files as scanners of several vendors write them: their values, headers, images and series."""
