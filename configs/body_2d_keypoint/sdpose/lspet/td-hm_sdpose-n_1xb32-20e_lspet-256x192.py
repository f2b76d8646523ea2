# SDPose-N, 2 cycles, on photos of people in sport.
_base_ = ['../../../_base_/token_heatmap_lspet-256x192.py']

model = dict(head=dict(num_cycles=2))
