"""What commands print, in the language of the user."""
