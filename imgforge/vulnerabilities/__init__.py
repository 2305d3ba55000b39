"""What is wrong with what is inside: matches rated, excused by VEX or policy, and judged."""
