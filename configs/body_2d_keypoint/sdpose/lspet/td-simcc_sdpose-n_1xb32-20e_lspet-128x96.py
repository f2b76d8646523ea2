# SDPose-N whose tokens give distributions over x and y instead of heatmaps, on photos of sport.
_base_ = ['../../../_base_/token_simcc_lspet.py']

model = dict(head=dict(num_cycles=2))
