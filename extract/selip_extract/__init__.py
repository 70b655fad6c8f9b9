"""Stage one: from reports to cited findings. Programs in Python use `selip_extract.api`."""
