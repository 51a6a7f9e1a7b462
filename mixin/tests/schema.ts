// The form of a dashboard in JSON, as Grafana's own types have it. scripts/mixin.sh check puts each dashboard behind
// "const …: Json<Dashboard> =", and lets the TypeScript compiler compare them.
import type { AnnotationQuery, Dashboard, VariableModel } from "@grafana/schema";

// In JSON, an enumeration is a string.
type Json<T> = T extends string ? `${T}`
	: T extends number | boolean | null | undefined ? T
	: T extends readonly (infer Item)[] ? Json<Item>[]
	: T extends object ? { [Name in keyof T]: Json<T[Name]> } & Extension<T>
	: T;

// The members that the types lack: those of one kind of variable or data source, and those of one version only.
type Extension<T> = T extends VariableModel
	? { id?: string; auto?: boolean; auto_min?: string; auto_count?: number; includeAll?: boolean; allValue?: string }
	: T extends AnnotationQuery ? { expr?: string }
	: T extends Dashboard ? { style?: "dark" | "light" }
	: unknown;
