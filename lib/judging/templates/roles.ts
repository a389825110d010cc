/** How transcripts name the roles. */
export const ROLES_ZH = { system: '系统', user: '用户', assistant: '助手' } as const;
export const ROLES_EN = { system: 'System', user: 'User', assistant: 'Assistant' } as const;
