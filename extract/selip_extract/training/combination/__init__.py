"""The weights with which rules and second readers are combined, and the reports on which they are learnt."""
