# Token heatmap models on photographs, 17 joints at 256x192, for one accelerator: people in sport (LSPET,
# the labels on which annotators and MoveNet agree), drawn people (SynthPose), everyday photos (COCO).
# LSPET17_ROOT, SYNTHPOSE_ROOT and COCO_ROOT say where they are. The last 400 of LSPET are held out.
_base_ = ['./token_heatmap_synthpose.py']

epochs = 60
codec = dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
metainfo = dict(from_file='configs/_base_/datasets/coco.py')

# A loader of MMPose gives some hundred people a second and core, this one hands over pictures that it
# keeps, and the accelerator does the rest. What makes everyday people of whole, sharp, single ones:
# cuts, half bodies, low resolution, things in front.
model = dict(
    data_preprocessor=dict(
        type='DeviceAugmentation',
        codec=dict(_base_.codec, **codec),
        metainfo=metainfo,
        half_body_prob=0.3,
        cut_prob=0.25,
        scale_factor=(0.65, 1.35),
        rotate_factor=60,
        rotate_prob=0.5,
        shift_factor=0.16,
        shift_prob=0.5,
        low_resolution=0.3,
        colour=0.3,
        occluder_prob=0.2,
    ),
    head=dict(
        in_featuremap_size=(12, 16),
        loss=dict(_delete_=True, type='HeatmapCrossEntropyLoss'),
        decoder=dict(_base_.codec, **codec),
    ),
    train_cfg=dict(compute_acc=False),  # it reads every heatmap back from the accelerator
)

train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=20)
optim_wrapper = dict(optimizer=dict(lr=2e-3, weight_decay=0.05, fused=True))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=300, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=epochs,
        T_max=epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=256)
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0005,
        update_buffers=True,
        priority=49,
    ),
]

lspet = '{{$LSPET17_ROOT:data/lspet}}/'
synthpose = '{{$SYNTHPOSE_ROOT:data/synthpose}}/'
coco = '{{$COCO_ROOT:data/coco}}/'
data_source = (
    'three data sets: LSPET17_ROOT (annotations/lspet_coco17_train.json, images/), SYNTHPOSE_ROOT '
    '(mim run mmpose_sdpose make_synthpose --train 8000 --seed 11) and COCO_ROOT'
)
train_pipeline = [dict(type='PackPersonCrop')]
# How often a person of each is seen in an epoch. With the whole of COCO, the third belongs at 1.
shares = [1.0, 0.22, 20.0]
train_dataloader = dict(
    batch_size=256,
    num_workers=3,
    pin_memory=True,
    drop_last=True,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        _delete_=True,
        type='CombinedDataset',
        metainfo=metainfo,
        sample_ratio_factor=shares,
        datasets=[
            dict(
                type='CocoDataset',
                ann_file=lspet + 'annotations/lspet_coco17_train.json',
                data_prefix=dict(img=lspet + 'images/'),
                indices=7723,
            ),
            dict(
                type='CocoDataset',
                ann_file=synthpose + 'annotations/person_keypoints_train.json',
                data_prefix=dict(img=synthpose + 'train/'),
            ),
            dict(
                type='CocoDataset',
                ann_file=coco + 'annotations/person_keypoints_train2017.json',
                data_prefix=dict(img=coco + 'train2017/'),
            ),
        ],
        pipeline=train_pipeline,
    ),
)
val_pipeline = [
    *_base_.val_pipeline[:-2],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    dataset=dict(
        data_root='',
        ann_file=lspet + 'annotations/lspet_coco17_train.json',
        data_prefix=dict(img=lspet + 'images/'),
        indices=-400,
        pipeline=val_pipeline,
    ),
)
# CocoMetric would miss the people of the file that are not held out.
val_evaluator = [dict(type='MeanOKS'), dict(type='PCKAccuracy', thr=0.2, prefix='lspet')]

# Everyday people: boxes as annotated, so no figure to compare with those on detections.
test_dataloader = dict(
    batch_size=64,
    num_workers=2,
    dataset=dict(
        data_root='',
        ann_file=coco + 'annotations/person_keypoints_val2017.json',
        data_prefix=dict(img=coco + 'val2017/'),
        pipeline=val_pipeline,
    ),
)
test_evaluator = [
    dict(
        type='CocoMetricWithInterval',
        ann_file=coco + 'annotations/person_keypoints_val2017.json',
    ),
    dict(type='MeanOKS'),
]
default_hooks = dict(checkpoint=dict(interval=10, save_best=None))
