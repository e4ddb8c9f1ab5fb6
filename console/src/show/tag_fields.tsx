//! Tags to fill in.

import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";

export interface Tag {
  key: string;
  value: string;
}

/** Most tags of a stream. */
const TAGS_MAX = 50;

/** What AWS would refuse; undefined if nothing. */
export function tagComplaint(tags: readonly Tag[]): string | undefined {
  if (tags.some((tag) => tag.key === "")) return "A tag has a key.";
  if (tags.some((tag) => tag.key.length > 128 || tag.value.length > 256)) return "Keys have 128 letters at most, values 256.";
  if (tags.some((tag) => tag.key.toLowerCase().startsWith("aws:"))) return "Keys that begin with aws: are AWS's own.";
  if (new Set(tags.map((tag) => tag.key)).size < tags.length) return "Each key is there once.";
  return undefined;
}

export function TagFields({ tags, onChange }: { tags: Tag[]; onChange: (tags: Tag[]) => void }) {
  const set = (at: number, change: Partial<Tag>) => onChange(tags.map((tag, index) => (index === at ? { ...tag, ...change } : tag)));
  return (
    <FormField label="Tags" stretch>
      <SpaceBetween size="xs">
        {tags.map((tag, at) => (
          <div className="tag-row" key={at}>
            <Input value={tag.key} onChange={({ detail }) => set(at, { key: detail.value })} placeholder="Key" ariaLabel={`Key of tag ${at + 1}`} />
            <Input value={tag.value} onChange={({ detail }) => set(at, { value: detail.value })} placeholder="Value" ariaLabel={`Value of tag ${at + 1}`} />
            <Button formAction="none" iconName="remove" variant="icon" ariaLabel={`Remove tag ${at + 1}`} onClick={() => onChange(tags.filter((_, index) => index !== at))} />
          </div>
        ))}
        <Button formAction="none" iconName="add-plus" disabled={tags.length >= TAGS_MAX} onClick={() => onChange([...tags, { key: "", value: "" }])}>
          Add a tag
        </Button>
      </SpaceBetween>
    </FormField>
  );
}
