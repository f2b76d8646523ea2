"""What `mim train|test|run mmpose_sdpose …` starts."""
