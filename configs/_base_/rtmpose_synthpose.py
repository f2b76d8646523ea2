# RTMPose on SynthPose. From random weights it leaves the mean pose late, at the token models' learning
# rate often never: half of that is surer.
_base_ = ['./token_heatmap_synthpose.py', './rtmpose.py']

optim_wrapper = dict(optimizer=dict(lr=5e-4))

label = dict(
    type='SimCCLabel',
    input_size=(96, 128),
    sigma=(3.46, 4.0),  # roots of an eighth of the input size
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)
codec = dict(_delete_=True, **label)
model = dict(
    backbone=dict(_delete_=True, **_base_.cspnext),
    head=dict(
        _delete_=True,
        input_size=label['input_size'],
        in_featuremap_size=(3, 4),
        decoder=label,
        **_base_.rtmcc_head,
    ),
)

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='GenerateTarget', encoder=label),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
