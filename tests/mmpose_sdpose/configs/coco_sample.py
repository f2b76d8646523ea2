# The 12 people of four real COCO photos, for models that learn them by heart: loaders without
# augmentation, and a log and a checkpoint now and then. The configs beside it put their pipelines in.
sample_root = '{{$MMPOSE_SDPOSE_DATA:data}}/coco_sample/'
sample_dataset = dict(data_root=sample_root, ann_file='test_coco.json', data_prefix=dict(img=''))
sample_train = dict(batch_size=12, num_workers=0, persistent_workers=False)
sample_val = dict(
    num_workers=0, persistent_workers=False, dataset=dict(bbox_file=None, **sample_dataset)
)
sample_evaluator = dict(ann_file=sample_root + 'test_coco.json')
