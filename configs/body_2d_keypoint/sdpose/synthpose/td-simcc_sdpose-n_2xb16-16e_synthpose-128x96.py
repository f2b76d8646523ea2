# SDPose-N whose tokens give distributions over x and y instead of heatmaps.
_base_ = ['../../../_base_/token_simcc_synthpose.py']

model = dict(head=dict(num_cycles=2))
