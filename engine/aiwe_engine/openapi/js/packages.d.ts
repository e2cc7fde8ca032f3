/** Packages that come without types. */
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  const SwaggerUI: { (options: object): unknown; presets: { apis: unknown } };
  export default SwaggerUI;
}
declare module "*.css";
