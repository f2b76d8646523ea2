# The small models' backbone with MMPose's own heatmap head: it learns SynthPose from nothing on a CPU,
# its backbone is what the small token models start from, and it can teach them.
_base_ = ['../../../_base_/token_heatmap_synthpose.py']

optim_wrapper = dict(optimizer=dict(lr=2e-3), clip_grad=None)
model = dict(
    head=dict(_base_.small_heatmap_head, _delete_=True, out_channels=17, decoder=_base_.codec),
)
