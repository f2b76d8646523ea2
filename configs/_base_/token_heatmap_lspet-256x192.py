# Small token heatmap models on LSPET at the input size of the published models.
_base_ = ['./token_heatmap_lspet.py']

codec = dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
codec_256 = dict(_base_.codec, **codec)
model = dict(head=dict(in_featuremap_size=(12, 16), decoder=codec_256))

train_pipeline = [
    *_base_.train_pipeline[:-3],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec_256),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    *_base_.val_pipeline[:-2],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
