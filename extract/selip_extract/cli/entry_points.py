"""The console scripts: each imports its command only when Ctrl-C is handled."""

from selip_shared.entry_points import entry_point

extract = entry_point("selip_extract.cli.extract")
score = entry_point("selip_extract.cli.score")
pseudo = entry_point("selip_extract.cli.pseudo")
finetune = entry_point("selip_extract.cli.finetune")
review = entry_point("selip_extract.cli.review")
export = entry_point("selip_extract.cli.export")
merge = entry_point("selip_extract.cli.merge")
compare = entry_point("selip_extract.cli.compare")
overview = entry_point("selip_extract.cli.overview")
