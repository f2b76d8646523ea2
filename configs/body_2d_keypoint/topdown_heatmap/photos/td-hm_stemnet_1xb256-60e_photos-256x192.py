# The backbone of SDPose-T under a convolution, for a token model to start with.
_base_ = ['../../../_base_/token_heatmap_photos.py']

optim_wrapper = dict(clip_grad=None)
model = dict(
    backbone=dict(_delete_=True, type='StemNet'),
    head=dict(
        _base_.small_heatmap_head,
        _delete_=True,
        in_channels=256,
        out_channels=17,
        deconv_out_channels=None,
        deconv_kernel_sizes=None,
        decoder=_base_.codec,
    ),
)
