"""Privacy: identifiers are masked and ids hashed before anything is stored."""
