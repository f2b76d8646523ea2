# SDPose-N on photographs: 2 cycles, and a first layer of output for 64x48 cells.
_base_ = ['../../../_base_/token_heatmap_photos.py']

model = dict(head=dict(num_cycles=2))
