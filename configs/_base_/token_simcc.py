# What makes a token SimCC model of a token heatmap model; the bases of the data sets put it in.
_base_ = ['./simcc.py']

simcc_head = dict(type='TokenSimCCHead', loss=dict(_delete_=True, **_base_.simcc_loss))
