"""The console scripts: each imports its command only when Ctrl-C is handled."""

from selip_shared.entry_points import entry_point

retrieve = entry_point("selip_downstream.cli.retrieve")
classify = entry_point("selip_downstream.cli.classify")
segment = entry_point("selip_downstream.cli.segment")
explain = entry_point("selip_downstream.cli.explain")
pointing = entry_point("selip_downstream.cli.pointing")
results = entry_point("selip_downstream.cli.results")
