# Token heatmap models on SynthPose at 128x96, for trials on a CPU. Make the data with
# `mim run mmpose_sdpose make_synthpose --out data/synthpose`, or say where it is in SYNTHPOSE_ROOT.
_base_ = ['./token_heatmap.py']

# AdamW, gradient clipping and mild augmentation: a small model leaves the mean pose after far fewer
# steps than with the published recipe.
train_cfg = dict(max_epochs=16, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=16,
        T_max=16,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=32)

codec = dict(
    type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5, unbiased=True
)
# A ResNet-18 of half the width and three stages (stride 16), and 4 layers over 8x6 visual tokens.
model = dict(
    backbone=dict(type='ThinResNet'),
    head=dict(
        in_channels=128,
        in_featuremap_size=(6, 8),
        patch_size=(1, 1),
        encoder=dict(embed_dims=128, depth=4, num_heads=4),
        hidden_dims=None,
        loss=dict(loss_weight=100),  # about 1 at the start
        decoder=codec,
        init_cfg=[
            dict(type='Xavier', layer='Linear', distribution='uniform'),
            dict(type='TruncNormal', layer='Conv2d', std=0.1),
        ],
    ),
    test_cfg=dict(flip_test=False),
)

dataset_type = 'CocoDataset'
data_root = '{{$SYNTHPOSE_ROOT:data/synthpose}}/'
data_source = 'mim run mmpose_sdpose make_synthpose --out data/synthpose'

train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.05,
        scale_factor=(0.8, 1.2),
        rotate_factor=30,
    ),
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
    batch_size=16,
    num_workers=1,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/person_keypoints_train.json',
        data_prefix=dict(img='train/'),
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
