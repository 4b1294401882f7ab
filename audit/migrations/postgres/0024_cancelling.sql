-- What waits under the key of a batch or of what replaces it, found without reading all that waits.
create index messages_supersede on messages (rule, supersede) where state = 'queued' and supersede <> '';
