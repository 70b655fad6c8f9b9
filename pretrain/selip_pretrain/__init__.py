"""Stage two: from volumes and findings to encoders. Programs in Python use `selip_pretrain.model.selip_model`."""
