package x.y;
import java.util.List;
import static a.B.*;
/** A service.
 * More. */
@Service
public class A<T> extends B implements C {
  private int x;
  public static final int MAX = 3;
  /** Makes. */
  public A(int x) { this.x = x; }
  @Override public List<T> get(String k) throws E { return null; }
  private void hid() {}
  enum K { ONE, TWO(2); K(int a) {} public int v() {return 1;} }
}
interface I { int f(); default void g() {} }
record P(int x, int y) { static P of() { return null; } }
