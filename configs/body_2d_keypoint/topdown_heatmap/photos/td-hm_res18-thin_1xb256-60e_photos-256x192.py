# SDPose-N's backbone under MMPose's own heatmap head, from random weights: the convolutional baseline.
_base_ = ['../../../_base_/token_heatmap_photos.py']

optim_wrapper = dict(clip_grad=None)
model = dict(
    head=dict(_base_.small_heatmap_head, _delete_=True, out_channels=17, decoder=_base_.codec),
)
