# The small models' backbone with MMPose's own heatmap head: it learns SynthPose from nothing on a CPU,
# its backbone is what the small token models start from, and it can teach them.
_base_ = ['../../../_base_/token_heatmap_synthpose.py']

optim_wrapper = dict(optimizer=dict(lr=2e-3), clip_grad=None)
model = dict(
    head=dict(
        _delete_=True,
        type='HeatmapHead',
        in_channels=128,
        out_channels=17,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=100),
        decoder=_base_.codec,
    ),
)
