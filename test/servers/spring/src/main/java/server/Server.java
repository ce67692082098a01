package server;

import static org.springframework.security.config.Customizer.withDefaults;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.OutputStream;
import java.util.UUID;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.core.annotation.Order;
import org.springframework.security.authentication.AuthenticationProvider;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.core.userdetails.UserDetailsService;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.server.authorization.authentication.OAuth2ClientRegistrationAuthenticationProvider;
import org.springframework.security.oauth2.server.authorization.client.InMemoryRegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClient;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.converter.OAuth2ClientRegistrationRegisteredClientConverter;
import org.springframework.security.oauth2.server.authorization.settings.AuthorizationServerSettings;
import org.springframework.security.oauth2.server.authorization.settings.ClientSettings;
import org.springframework.security.provisioning.InMemoryUserDetailsManager;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.session.DisableEncodeUrlFilter;
import org.springframework.security.web.authentication.LoginUrlAuthenticationEntryPoint;

/** Spring Authorization Server with open registration and everything in memory. It ends with its input. */
@SpringBootApplication
public class Server {
  public static void main(String[] args) throws Exception {
    var context = SpringApplication.run(Server.class, args);
    System.out.println("port " + ((WebServerApplicationContext) context).getWebServer().getPort());
    System.in.transferTo(OutputStream.nullOutputStream());
    Runtime.getRuntime().halt(0);
  }

  @Bean
  @Order(1)
  SecurityFilterChain authorizationServer(HttpSecurity http) throws Exception {
    return http
        .addFilterBefore(this::note, DisableEncodeUrlFilter.class)
        .oauth2AuthorizationServer(
            server -> {
              http.securityMatcher(server.getEndpointsMatcher());
              server.clientRegistrationEndpoint(
                  endpoint ->
                      endpoint
                          .openRegistrationAllowed(true)
                          .authenticationProviders(providers -> providers.forEach(this::grantScope)));
            })
        .authorizeHttpRequests(
            requests ->
                requests.requestMatchers("/oauth2/register").permitAll().anyRequest().authenticated())
        .exceptionHandling(
            errors -> errors.authenticationEntryPoint(new LoginUrlAuthenticationEntryPoint("/login")))
        .build();
  }

  /** Open registration takes no scope, and its consent page cannot approve none: clients get the scope of the server. */
  private void grantScope(AuthenticationProvider provider) {
    if (!(provider instanceof OAuth2ClientRegistrationAuthenticationProvider registration)) return;
    var converter = new OAuth2ClientRegistrationRegisteredClientConverter();
    registration.setRegisteredClientConverter(
        asked ->
            RegisteredClient.from(converter.convert(asked))
                .scope("mcp:read")
                .clientSettings(ClientSettings.builder().requireProofKey(true).build())
                .build());
  }

  @Bean
  @Order(2)
  SecurityFilterChain pages(HttpSecurity http) throws Exception {
    return http
        .authorizeHttpRequests(requests -> requests.anyRequest().authenticated())
        .formLogin(withDefaults())
        .build();
  }

  @Bean
  UserDetailsService users() {
    return new InMemoryUserDetailsManager(
        User.withUsername("demo").password("{noop}a password of a test").build());
  }

  /** Says each request, for the tests to count. */
  private void note(ServletRequest request, ServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    var path = ((HttpServletRequest) request).getRequestURI().replaceFirst("^/oauth2", "");
    System.out.println("asked " + path + " " + request.getParameter("grant_type"));
    chain.doFilter(request, response);
  }

  /** One client beforehand: the resource server, which asks about tokens. */
  @Bean
  RegisteredClientRepository clients() {
    return new InMemoryRegisteredClientRepository(
        RegisteredClient.withId(UUID.randomUUID().toString())
            .clientId("watcher")
            .clientSecret("{noop}a secret of a test")
            .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
            .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)
            .build());
  }

  @Bean
  AuthorizationServerSettings settings() {
    return AuthorizationServerSettings.builder().build();
  }
}
