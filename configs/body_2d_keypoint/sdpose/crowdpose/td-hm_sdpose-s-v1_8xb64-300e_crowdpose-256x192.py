# SDPose-S-V1: 12 layers, 2 cycles.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py']

model = dict(head=dict(num_cycles=2))
