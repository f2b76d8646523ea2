# The small models' backbone with MMPose's own heatmap head: the convolutional teacher and baseline.
_base_ = ['../../../_base_/token_heatmap_lspet-256x192.py']

optim_wrapper = dict(optimizer=dict(lr=2e-3), clip_grad=None)
model = dict(
    head=dict(_base_.small_heatmap_head, _delete_=True, out_channels=14, decoder=_base_.codec),
)
