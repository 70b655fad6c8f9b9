"""The offline HTML pages: overview and review."""
