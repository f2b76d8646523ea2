# Token heatmap models on SynthPose at 128x96, for trials on a CPU. Make the data with
# `mim run mmpose_sdpose make_synthpose --out data/synthpose`, or say where it is in SYNTHPOSE_ROOT.
_base_ = ['./token_heatmap.py']

codec = dict(
    type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5, unbiased=True
)
model = dict(
    head=dict(in_featuremap_size=(24, 32), decoder=codec),
    test_cfg=dict(flip_test=False),
)

dataset_type = 'CheckedCocoDataset'
data_root = '{{$SYNTHPOSE_ROOT:data/synthpose}}/'
source = 'mim run mmpose_sdpose make_synthpose --out data/synthpose'

train_pipeline = [
    *_base_.train_pipeline[:-3],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    *_base_.val_pipeline[:-2],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/person_keypoints_train.json',
        data_prefix=dict(img='train/'),
        source=source,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/person_keypoints_val.json',
        data_prefix=dict(img='val/'),
        test_mode=True,
        source=source,
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='CocoMetric', ann_file=data_root + 'annotations/person_keypoints_val.json'
)
test_evaluator = val_evaluator

# Every epoch, so that an interrupted trial goes on with --resume.
default_hooks = dict(
    checkpoint=dict(interval=1, max_keep_ckpts=1, save_best='coco/AP', rule='greater')
)
