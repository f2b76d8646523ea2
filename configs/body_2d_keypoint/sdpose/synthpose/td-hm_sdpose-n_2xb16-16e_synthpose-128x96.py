# A small SDPose of ours, 2 cycles.
_base_ = ['../../../_base_/token_heatmap_synthpose.py']

model = dict(head=dict(num_cycles=2))
