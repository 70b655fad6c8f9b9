"""The console scripts: each imports its command only when Ctrl-C is handled."""

from selip_shared.entry_points import entry_point

scan = entry_point("selip_pretrain.cli.scan")
phantom = entry_point("selip_pretrain.cli.phantom")
similarity = entry_point("selip_pretrain.cli.similarity")
prepare = entry_point("selip_pretrain.cli.prepare")
pretrain = entry_point("selip_pretrain.cli.pretrain")
publish = entry_point("selip_pretrain.cli.publish")
