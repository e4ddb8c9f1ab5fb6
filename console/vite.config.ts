import { defineConfig, type Plugin, runnerImport, type UserConfig } from "vite";

const THEME = "virtual:theme.css";

/** Our theme as a style sheet. */
async function theme(): Promise<Plugin> {
  // The design system's modules import folders, which only a bundler understands.
  const { module } = await runnerImport<{ themeStyle: string }>("./theme.ts", {
    configFile: false,
    environments: { inline: { resolve: { noExternal: [/^@cloudscape-design/, /^@material/] } } },
  });
  return {
    name: "millstream-theme",
    resolveId: (id) => (id === THEME ? `\0${THEME}` : undefined),
    load: (id) => (id === `\0${THEME}` ? module.themeStyle : undefined),
  };
}

/** The design system embeds a font; ours are the reader's own. */
const withoutFonts: Plugin = {
  name: "millstream-no-fonts",
  enforce: "pre",
  transform: (code, id) => (id.includes("global-styles/index.css") ? code.replace(/@font-face\s*{[^}]*}/g, "") : undefined),
};

export default defineConfig(async (): Promise<UserConfig> => ({
  plugins: [withoutFonts, await theme()],
  build: {
    target: "es2023",
    // Pictures stay files: the page's policy knows no other place.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    reportCompressedSize: false,
    rolldownOptions: {
      // The SDK's modules in one file: cut apart, files that need each other were run before what they need.
      output: { codeSplitting: { groups: [{ name: "sdk", test: /node_modules\/@(aws-sdk|aws-crypto|smithy|aws)\// }] } },
      // "use client" is for frameworks that render on a server.
      onLog: (level, log, next) => log.code !== "MODULE_LEVEL_DIRECTIVE" && next(level, log),
    },
  },
}));
