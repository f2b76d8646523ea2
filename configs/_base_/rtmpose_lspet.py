# RTMPose on LSPET. From random weights it leaves the mean pose late, and at the token
# models' learning rate often never: half of that is surer.
_base_ = ['./token_heatmap_lspet.py', './rtmpose.py']

optim_wrapper = dict(optimizer=dict(lr=5e-4))

codec = dict(_delete_=True, **_base_.small_simcc)
model = dict(
    backbone=dict(_delete_=True, **_base_.cspnext),
    head=dict(_delete_=True, out_channels=14, **_base_.small_rtmcc_head),
)

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='GenerateTarget', encoder=_base_.small_simcc),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
