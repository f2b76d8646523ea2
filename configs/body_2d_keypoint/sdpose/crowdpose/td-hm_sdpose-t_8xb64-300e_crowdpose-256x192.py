# SDPose-T: 6 layers, 3 cycles.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py']

model = dict(head=dict(encoder=dict(depth=6), num_cycles=3))
