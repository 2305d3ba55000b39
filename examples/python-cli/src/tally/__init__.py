"""Count and add up what a CSV file holds."""
